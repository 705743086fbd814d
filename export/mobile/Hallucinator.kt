// Android: com.google.ai.edge.litert:litert, and for GPUs also litert-gpu. See README.md here.
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import java.util.Random

val model = CompiledModel.create(context.assets, "face.tflite", CompiledModel.Options(Accelerator.GPU, Accelerator.CPU))
val inputs = listOf("lr", "z").associateWith { model.createInputBuffer(it, "hallucinate") }
val outputs = listOf("image", "gradient").associateWith { model.createOutputBuffer(it, "hallucinate") }

/** lr: 16 * 16 * 3 bytes, RGB, row by row; the result: 128 * 128 * 3. The same seed gives the same picture. */
fun hallucinate(lr: ByteArray, seed: Long, temperature: Float = 1f): ByteArray {
    val random = Random(seed)
    inputs.getValue("lr").writeInt8(lr)                                                  // uint8 [1, 16, 16, 3]
    inputs.getValue("z").writeFloat(FloatArray(64) { temperature * random.nextGaussian().toFloat() })  // float32 [1, 64]
    model.run(inputs, outputs, "hallucinate")
    return outputs.getValue("image").readInt8()                                          // uint8 [1, 128, 128, 3]; and 0xff for 0..255
}
