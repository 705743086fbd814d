'use strict'

// Each face's slider shows two of the pictures beside it. Without this script, only the pictures are there.
document.documentElement.classList.add('scripted')
document.querySelectorAll('.face').forEach(compare)
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true
})

function compare(face) {
  const stage = face.querySelector('.stage')
  const slider = face.querySelector('.slider')
  const names = {}

  function move() {
    stage.style.setProperty('--at', `${slider.value}%`)
    slider.setAttribute('aria-valuetext', `${slider.value} % ${names.before}, then ${names.after}`)
  }

  function show(choice) {
    const side = choice.value
    const { src, alt, className, width, height } = choice.parentElement.querySelector('img')
    const image = stage.querySelector(`img.${side}`)
    Object.assign(image, { src, alt, className: `${side} ${className}` })
    names[side] = choice.parentElement.querySelector('.title').textContent
    stage.querySelector(`.chip.${side}`).textContent = names[side]
    if (side === 'after') stage.style.setProperty('--aspect', width / height)
    move()
  }

  slider.addEventListener('input', move)
  for (const choice of face.querySelectorAll('.choice input')) {
    choice.addEventListener('change', () => show(choice))
    // Not always the first: browsers remember a page's choices.
    if (choice.checked) show(choice)
  }
}
